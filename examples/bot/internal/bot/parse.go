package bot

import (
	"strconv"
	"strings"
	"time"
)

// parseCommand splits "/play@SomeBot words" into the command and its words. It fails for
// text that is no command, or one of another bot than that with the username.
func parseCommand(text, username string) (name, args string, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) < 2 || text[0] != '/' {
		return "", "", false
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' || r == '\u00A0' })
	if end < 0 {
		end = len(text)
	}
	name, args = text[1:end], strings.TrimSpace(text[end:])
	name, bot, addressed := strings.Cut(name, "@")
	if addressed && !strings.EqualFold(bot, username) {
		return "", "", false
	}
	return strings.ToLower(name), args, name != ""
}

// parseTime reads a time as people write it: "90", "1:30", "1:02:03", "1m30s". A sign
// makes it relative. It fails for anything longer than a day.
func parseTime(s string) (d time.Duration, relative, ok bool) {
	s = strings.TrimSpace(s)
	sign := time.Duration(1)
	switch {
	case strings.HasPrefix(s, "+"):
		s, relative = s[1:], true
	case strings.HasPrefix(s, "-"):
		s, relative, sign = s[1:], true, -1
	case strings.HasPrefix(s, "−"): // as phones write it
		s, relative, sign = strings.TrimPrefix(s, "−"), true, -1
	}
	d, ok = parseClock(s)
	if !ok {
		var err error
		d, err = time.ParseDuration(strings.ReplaceAll(s, " ", ""))
		ok = err == nil && d >= 0
	}
	if !ok || d > 24*time.Hour {
		return 0, false, false
	}
	return sign * d, relative, true
}

// parseClock reads "90", "1:30" and "1:02:03".
func parseClock(s string) (time.Duration, bool) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, false
	}
	seconds := 0
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 86_400 || part[0] == '+' || i > 0 && n > 59 {
			return 0, false
		}
		seconds = seconds*60 + n
	}
	return time.Duration(seconds) * time.Second, true
}

// clock writes a time as players do: "1:05", "1:02:03".
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return strconv.Itoa(s/3600) + ":" + two(s/60%60) + ":" + two(s%60)
	}
	return strconv.Itoa(s/60) + ":" + two(s%60)
}

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
