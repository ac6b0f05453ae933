// Package session makes gogram clients that are safe to run in a server, and keeps
// their sessions.
//
// A session is a string that is as good as the account. Package session writes it to a
// file of mode 0600 and to nowhere else; of gogram's own files there is one, the access
// hashes of peers, where [Config.Peers] says.
//
//	tg, err := session.New(session.Config{AppID: id, AppHash: hash})
//	...
//	defer session.Close(tg)
//	if err := session.Connect(ctx, tg); err != nil {
//		return err
//	}
//	if err := session.Login(ctx, tg, ask); err != nil {
//		return err
//	}
//	return session.Save("user.session", tg.ExportSession())
//
// is a login, and [Open] with what [Load] returns is every start after it.
package session
