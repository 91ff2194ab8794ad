// Package storetest holds an engine of the store to its contract. An engine's own test calls [Run];
// what it can't or needn't do it leaves out by the category's name, with a reason. The model that the
// engine is compared with is here too, as plain as it can be.
package storetest
