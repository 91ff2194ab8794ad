package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tree is processes that aren't children of this program alone: each with its children, as PostgreSQL
// has one for each connection. Their CPU is read from /proc, in ticks of 10 ms.
type tree struct{ roots []int }

// stat is what of /proc/PID/stat counts (proc(5)).
type stat struct {
	parent int
	ticks  int // user and system, and of the children that ended and were waited for
}

func (t *tree) usage() (u Usage, err error) {
	all := make(map[int]stat)
	folders, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(folders) == 0 {
		return u, errors.Join(missingError{"it needs /proc, which Linux has"}, err)
	}
	for _, file := range folders {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if text, err := os.ReadFile(file); err == nil { // else it has just ended
			all[pid] = parseStat(string(text))
		}
	}
	u.At = time.Now()
	const tick = 10 * time.Millisecond
	for pid, s := range all {
		if !t.holds(all, pid) {
			continue
		}
		u.CPU += time.Duration(s.ticks) * tick
		u.Memory += memory(pid)
	}
	if u.CPU == 0 {
		return u, fmt.Errorf("no process of %v is there", t.roots)
	}
	return u, nil
}

func (t *tree) holds(all map[int]stat, pid int) bool {
	for ; pid > 1; pid = all[pid].parent {
		if slices.Contains(t.roots, pid) {
			return true
		}
	}
	return false
}

func parseStat(text string) (s stat) {
	_, rest, _ := strings.Cut(text, ") ") // behind the name, which may hold anything
	f := strings.Fields(rest)
	if len(f) < 15 {
		return s
	}
	s.parent, _ = strconv.Atoi(f[1])
	for _, i := range []int{11, 12, 13, 14} {
		n, _ := strconv.Atoi(f[i])
		s.ticks += n
	}
	return s
}

func (t *tree) profile(string) error { return errors.ErrUnsupported }

// ended stops a process as its supervisor would.
func ended(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_, err := p.Wait()
	return err
}
