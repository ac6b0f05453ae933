package signaling

import (
	"encoding/json"
	"fmt"
)

// groups collects a payload's ssrc-groups while they are checked.
type groups struct {
	sim   []uint32
	pairs []Layer
}

// decodeGroups fills in the video layers. Telegram's test SFU (simOnly) knows video
// through a SIM group alone: without one the FID pairs mean nothing to it.
func (r *Request) decodeGroups(raw json.RawMessage, simOnly bool) error {
	if raw == nil {
		return nil
	}
	list, err := decodeArray("ssrc-groups", raw)
	if err != nil {
		return err
	}
	var g groups
	for i, item := range list {
		if err = g.add(fmt.Sprintf("ssrc-groups[%d]", i), item); err != nil {
			return err
		}
	}
	if err = g.checkUnique(r.Audio); err != nil {
		return err
	}
	layers, err := g.layers()
	if err != nil {
		return err
	}
	if simOnly && g.sim == nil {
		return nil
	}
	r.Layers = layers
	return nil
}

func (g *groups) add(what string, raw json.RawMessage) error {
	keys, err := decodeObject(what, raw)
	if err != nil {
		return err
	}
	semantics, err := decodeString(what+".semantics", keys["semantics"])
	if err != nil {
		return err
	}
	if keys["sources"] == nil {
		return invalid("%s.sources is missing", what)
	}
	list, err := decodeArray(what+".sources", keys["sources"])
	if err != nil {
		return err
	}
	sources := make([]uint32, len(list))
	for i, item := range list {
		where := fmt.Sprintf("%s.sources[%d]", what, i)
		if sources[i], err = decodeSSRC(where, item); err != nil {
			return err
		}
		if sources[i] == 0 {
			return invalid("%s is 0", where)
		}
	}
	switch semantics {
	case "SIM":
		return g.addSIM(what, sources)
	case "FID":
		return g.addFID(what, sources)
	}
	return invalid("%s.semantics is %q, neither SIM nor FID", what, semantics)
}

func (g *groups) addSIM(what string, sources []uint32) error {
	if g.sim != nil {
		return invalid("%s is a second SIM", what)
	}
	if len(sources) == 0 || len(sources) > maxLayers {
		return invalid("%s is a SIM of %d", what, len(sources))
	}
	g.sim = sources
	return nil
}

func (g *groups) addFID(what string, sources []uint32) error {
	if len(sources) != 2 {
		return invalid("%s is a FID of %d, not a pair", what, len(sources))
	}
	if len(g.pairs) == maxLayers {
		return invalid("%s is one FID too many", what)
	}
	g.pairs = append(g.pairs, Layer{Media: sources[0], RTX: sources[1]})
	return nil
}

// checkUnique wants every SSRC in one place: the audio SSRC in no group, no SSRC in two
// pairs or twice in SIM.
func (g *groups) checkUnique(audio uint32) error {
	paired := map[uint32]bool{}
	for _, pair := range g.pairs {
		for _, ssrc := range []uint32{pair.Media, pair.RTX} {
			if ssrc == audio {
				return invalid("a FID pairs the audio SSRC %d", ssrc)
			}
			if paired[ssrc] {
				return Duplicate("SSRC %d twice in FID groups", ssrc)
			}
			paired[ssrc] = true
		}
	}
	listed := map[uint32]bool{}
	for _, ssrc := range g.sim {
		if ssrc == audio {
			return invalid("the SIM lists the audio SSRC %d", ssrc)
		}
		if listed[ssrc] {
			return Duplicate("SSRC %d twice in the SIM", ssrc)
		}
		listed[ssrc] = true
	}
	return nil
}

// layers puts the pairs in the SIM's order; one lone pair is a sender of one layer.
func (g *groups) layers() ([]Layer, error) {
	if g.sim == nil {
		if len(g.pairs) > 1 {
			return nil, invalid("%d FID groups without a SIM", len(g.pairs))
		}
		return g.pairs, nil
	}
	if len(g.sim) != len(g.pairs) {
		return nil, invalid("a SIM of %d with %d FID groups", len(g.sim), len(g.pairs))
	}
	layers := make([]Layer, 0, len(g.sim))
	for _, media := range g.sim {
		pair, ok := g.pairOf(media)
		if !ok {
			return nil, invalid("the SIM lists %d, which no FID pairs as media", media)
		}
		layers = append(layers, pair)
	}
	return layers, nil
}

func (g *groups) pairOf(media uint32) (Layer, bool) {
	for _, pair := range g.pairs {
		if pair.Media == media {
			return pair, true
		}
	}
	return Layer{}, false
}
