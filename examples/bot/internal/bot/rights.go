package bot

// Rights says who may control what plays.
type Rights int

// The modes. Admins may always.
const (
	Requester Rights = iota // who asked for a track controls it; others vote to skip it
	Everyone
	Admins
)

func (r Rights) String() string {
	return [...]string{Requester: "requester", Everyone: "everyone", Admins: "admins"}[r]
}

// words describes the mode.
func (r Rights) words() string {
	return [...]string{
		Requester: "admins, and whoever asked for a track",
		Everyone:  "everyone",
		Admins:    "admins only",
	}[r]
}

// need is what a command needs.
type need int

const (
	open    need = iota // nothing
	control             // a say in what plays
	admin               // to be an admin
)

// decision is whether somebody may do something.
type decision int

const (
	refuse decision = iota
	allow
	ask // what the role is decides
)

// decide says whether somebody may use a command, as far as that does not depend on
// roles. own means that what it changes is the user's own.
func decide(mode Rights, n need, anonymous, own bool) decision {
	switch {
	case n == open, anonymous, n == control && mode == Everyone, n == control && mode == Requester && own:
		return allow
	}
	return ask
}
