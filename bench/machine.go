package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where and of what the figures are.
type Machine struct {
	CPU    string
	Cores  int
	Kernel string
	Memory string
	Go     string
	Commit string
	Date   string
}

func thisMachine() Machine {
	commit := "unknown"
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return Machine{
		CPU: member("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Kernel: runtime.GOOS + " " + content("/proc/sys/kernel/osrelease"), Memory: member("/proc/meminfo", "MemTotal"),
		Go: runtime.Version(), Commit: commit, Date: time.Now().UTC().Format(time.DateTime + " MST"),
	}
}

func content(path string) string {
	text, _ := os.ReadFile(path) // only Linux has them
	return strings.TrimSpace(string(text))
}

// member is the value of the first line "name : value".
func member(path, name string) string {
	for line := range strings.Lines(content(path)) {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(n) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// memory is a process's anonymous memory that is resident, in bytes. What it maps isn't counted: of a database that is as much
// as the machine can spare. Zero where that can't be read.
func memory(pid int) int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(member(fmt.Sprintf("/proc/%d/status", pid), "RssAnon"), " kB"), 10, 64)
	return kib << 10
}

// machineBusy is the time that the machine's cores were busy since it started: user, nice, system, irq
// and softirq of /proc/stat, in ticks of 10 ms. Zero where that can't be read.
func machineBusy() time.Duration {
	line, _, _ := strings.Cut(content("/proc/stat"), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 {
		return 0
	}
	var ticks int
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, _ := strconv.Atoi(fields[i])
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
