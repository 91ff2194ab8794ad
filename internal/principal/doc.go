// Package principal says who a token speaks for at its root, and who acts on the way.
// A principal is always an issuer's name together with its subject: two issuers may use the
// same subject for different people, and a group's name means nothing without its issuer.
package principal
