package play

import (
	"github.com/gotgcall/gotgcall/media"
)

// SourceInfo returns what the current source says of itself, or false when there is none.
func (p *Player) SourceInfo() (media.SourceInfo, bool) {
	p.mu.Lock()
	s := p.current
	p.mu.Unlock()
	if s == nil {
		return media.SourceInfo{}, false
	}
	if stream, ok := s.stream.(interface{ SourceInfo() media.SourceInfo }); ok {
		return stream.SourceInfo(), true
	}
	return media.SourceInfo{}, true
}
