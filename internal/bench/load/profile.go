package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// profile begins a profile of the processor, in a file of dir that is named for the row. The
// function that it returns ends it, and writes one of all allocations since the process
// began.
func profile(dir string, r Result) (stop func() error, err error) {
	if dir == "" {
		return func() error { return nil }, nil
	}
	source := strings.NewReplacer(", ", "-", " ", "-").Replace(r.Source)
	name := filepath.Join(dir, fmt.Sprintf("%d-%s-%d", r.Calls, source, r.Speakers))
	cpu, err := os.Create(name + ".cpu")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(name + ".allocs")
		if err != nil {
			return errors.Join(err, cpu.Close())
		}
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close(), cpu.Close())
	}, nil
}
