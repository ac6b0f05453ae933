package source

import "github.com/gotgcall/gotgcall/media"

// withSound returns the Env with its sound resolved, and an error if there was one or the
// sound has a value out of range.
func withSound(env media.Env, err error) (media.Env, error) {
	resolved, invalid := env.Sound.Resolve()
	env.Sound = resolved
	if err == nil {
		err = invalid
	}
	return env, err
}

// tuning is the sound of an open stream, and whether its source takes another.
type tuning struct {
	sound media.Sound
	ok    bool
}

func tuningOf(stream media.Stream) tuning {
	if s, has := stream.(interface{ Sound() (media.Sound, bool) }); has {
		sound, ok := s.Sound()
		return tuning{sound, ok}
	}
	return tuning{}
}
