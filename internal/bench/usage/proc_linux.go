package usage

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture of Go.
const tick = 10 * time.Millisecond

// running returns the processor time of the children that run.
func running(except int) (total time.Duration) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The fields after the command's name, which may contain anything (proc(5)):
		// state, ppid, …, utime, stime, cutime, cstime.
		end := bytes.LastIndexByte(raw, ')')
		fields := strings.Fields(string(raw[end+1:]))
		if len(fields) < 15 || fields[1] != strconv.Itoa(os.Getpid()) {
			continue
		}
		if pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))); pid == except {
			continue
		}
		for _, f := range fields[11:15] {
			n, _ := strconv.Atoi(f)
			total += time.Duration(n) * tick
		}
	}
	return total
}

// Read returns the footprint of this process.
func Read() (f Footprint) {
	if list, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.Descriptors = len(list) - 1 // the directory itself
	}
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return f
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.Atoi(fields[1])
		switch fields[0] {
		case "VmRSS:":
			f.RSS = n << 10
		case "Threads:":
			f.Threads = n
		}
	}
	return f
}

// Machine returns the name of the processor.
func Machine() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
