// Package exact writes JSON of which reading gives back the very values: whole numbers and others stay apart,
// since CEL tells 1 from 1.0 and a rule that was decided by one can't be retraced with the other. A number
// with a point or an exponent is a float64, any other an int64. Equal values have one text.
package exact
