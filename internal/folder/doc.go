// Package folder looks after a data folder that nobody serves: it checks what is in it against itself, its
// anchor and its record, and restores a backup into it as a new generation.
package folder
