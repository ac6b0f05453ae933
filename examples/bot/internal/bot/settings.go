package bot

import (
	"strings"

	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

const howToSet = "Admins change it by /settings rights everyone, requester or admins; and /settings votes on or off."

// cmdSettings shows the settings to everybody, and lets admins change them.
func (c *chat) cmdSettings(r *request) {
	if r.args == "" {
		c.showSettings(r, "")
		return
	}
	if r.anonymous {
		c.set(r)
		return
	}
	c.role(r.from.ID, func(role telegram.Role, err error) {
		switch {
		case err != nil:
			c.reply(r, "I could not check your rights. Try again.")
		case role < telegram.Admin:
			c.reply(r, "Only admins can do that.")
		default:
			c.set(r)
		}
	})
}

// set changes a setting.
func (c *chat) set(r *request) {
	s := c.settings
	fields := strings.Fields(strings.ToLower(r.args))
	switch {
	case len(fields) == 2 && fields[0] == "rights" && s.setRights(fields[1]):
	case len(fields) == 2 && fields[0] == "votes" && (fields[1] == "on" || fields[1] == "off"):
		s.Votes = fields[1] == "on"
	default:
		c.reply(r, howToSet)
		return
	}
	c.settings = s
	c.bot.cfg.Store.Put(c.id, keySettings, &c.settings)
	c.showSettings(r, "Changed.\n")
}

func (s *settings) setRights(name string) bool {
	for _, mode := range []Rights{Requester, Everyone, Admins} {
		if mode.String() == name {
			s.Rights = mode
			return true
		}
	}
	return false
}

// showSettings answers with the settings.
func (c *chat) showSettings(r *request, before string) {
	votes := "off"
	if c.settings.Votes {
		votes = "on"
	}
	var t telegram.Text
	t.Add(before).Mark(telegram.Bold, "Who controls what plays:").Add(" "+c.settings.Rights.words()+"\n").
		Mark(telegram.Bold, "Votes to skip:").Add(" " + votes + "\n\n" + howToSet)
	c.out.say(r.place, t.Message(), answer, nil)
}
