package main

import "regexp"

// secretText is what a token or a secret looks like: Whittle's own by their prefixes, and any JWT.
var secretText = regexp.MustCompile(`(?:w[st]_|whsec_)[A-Za-z0-9_+/=-]{16,}|eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)+`)

// hush takes tokens and secrets out of an error. Whoever wrote one where a name belongs has shown it in the
// arguments already; what a command says may be kept in the log of a pipeline for years.
func hush(text string) string {
	hushed := secretText.ReplaceAllString(text, "(hidden)")
	if hushed == text {
		return text
	}
	return hushed + "\nthat looks like a token or secret, which no argument holds, since others see arguments: pipe it in, or name a file or variable"
}
