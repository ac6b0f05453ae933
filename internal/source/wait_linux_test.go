package source

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileOfAnotherMachineIsReadAhead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		magic uint32
		want  bool
	}{
		"ext4":    {0xef53, false},
		"tmpfs":   {0x01021994, false},
		"overlay": {0x794c7630, false},
		"btrfs":   {0x9123683e, false},
		"nfs":     {magicNFS, true},
		"sshfs":   {magicFUSE, true},
		"smb3":    {magicSMB2, true},
	} {
		require.Equal(t, c.want, answeredFor(c.magic), name)
	}
	require.True(t, mayWait("no/such/file"))
}
