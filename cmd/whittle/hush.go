package main

import "github.com/whittle-sts/whittle/internal/hush"

// hushed takes tokens and secrets out of an error. Whoever wrote one where a name belongs has shown it in the
// arguments already; what a command says may be kept in the log of a pipeline for years.
func hushed(text string) string {
	if !hush.Found(text) {
		return text
	}
	return hush.Text(text) + "\nthat looks like a token or secret, which no argument holds, since others see arguments: pipe it in, or name a file or variable"
}
