// Package anchored keeps a store from being rolled back unseen. Beside the key-encryption key, and so
// apart from the database, a small file says how far the state had come: a database that is older
// is not served. One host can't defend against rollback of both; a witness of the log can.
package anchored
