package groupcall

// Library is what Calls need of a Client, for one that lives in virtual time.
type Library = library

// NewOver returns Calls over a Library.
func NewOver(account Account, client Library, opts ...Option) *Calls {
	return newCalls(account, client, opts)
}
