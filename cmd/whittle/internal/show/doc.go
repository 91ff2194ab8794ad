// Package show prints answers: tables for people, JSON for programs. What came from elsewhere is shown
// without anything that a terminal would act on.
package show
