// Package settings is the static settings of the server: one table says of each its place in
// whittle.yaml, its environment variable, its flag, its default and what it does. [Load] reads the
// file, then the environment, then flags, of which the later win; the reference is made of the table.
package settings
