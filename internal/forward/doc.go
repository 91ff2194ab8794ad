// Package forward hands the entries of the audit log on, in their order, each at least once: to a file that others ship,
// or to a webhook. The log itself is the queue, so a receiver that is down costs neither memory nor anybody's time: it is
// only behind. What is handed on is what is hashed, with what names people sealed, so that who is erased is erased there too.
package forward
