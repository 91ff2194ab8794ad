// Package narrow is the first promise: a token never lets its holder, or any descendant,
// reach more than the token it came from. [Bounds] is the one struct of all dimensions,
// [Narrow] the one function that derives a child's bounds from its parent's, and [Grant] its
// result, which nothing else can make and without which no token is minted.
package narrow
