package groupcall_test

import (
	"time"

	"github.com/gotgcall/gotgcall/adapters/gogram/telegramtest"
)

// failing has requests fail.
func failing(err error, times int) telegramtest.Fault {
	return telegramtest.Fault{Err: err, Times: times}
}

// hanging has a request never be executed nor answered.
func hanging() telegramtest.Fault { return telegramtest.Fault{Hang: true} }

// slow has a request take time.
func slow(d time.Duration) telegramtest.Fault { return telegramtest.Fault{Delay: d} }
