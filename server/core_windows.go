package server

import "golang.org/x/sys/windows"

// ForbidCoreDumps keeps a crash from asking for a report (SetErrorMode), in which the process's memory could leave. What
// an administrator has the system collect (WER's LocalDumps) no process can forbid. It is for a program's
// main, since it concerns the whole process.
func ForbidCoreDumps() error {
	windows.SetErrorMode(windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX)
	return nil
}
