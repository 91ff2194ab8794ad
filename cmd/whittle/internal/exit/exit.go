// Package exit says how the commands end: one number for each thing that a script would tell apart.
package exit

import "errors"

// Code is the exit status of a command.
type Code int

// The codes. They are part of what scripts rely on: none changes its meaning.
const (
	OK          Code = 0 // done, or the answer is yes
	Failed      Code = 1 // something else went wrong
	Usage       Code = 2 // the command line, the environment or the profile can't be meant so
	Refused     Code = 3 // the server knows who asks, or doesn't, and says no
	No          Code = 4 // the answer is no: inactive, not found, problems in a document
	Unavailable Code = 5 // no answer, or one that says to try again
	Conflict    Code = 6 // somebody else changed it first: nothing was done
)

// Help is the codes for people.
const Help = `Exit status: 0 done, or yes; 1 failed; 2 the command line, environment or profile is wrong; 3 refused
(credential, permission or policy); 4 the answer is no (inactive, not found, problems in a policy);
5 no server, or try again; 6 somebody else was faster, and nothing was changed.`

// coded is an error with its exit code.
type coded struct {
	error

	code Code
}

func (e *coded) Unwrap() error { return e.error }

// With gives an error its code. Without an error there is none.
func With(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &coded{err, code}
}

// Of is the code of an error; one that nobody gave any is otherwise.
func Of(err error, otherwise Code) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*coded](err); ok {
		return e.code
	}
	return otherwise
}
