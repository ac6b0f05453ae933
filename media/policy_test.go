package media_test

import (
	"net/netip"
	"testing"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
	"github.com/stretchr/testify/require"
)

func TestPublicOnlyKnowsWhatIsPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "2001::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::",
	} {
		err := media.PublicOnly(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80))
		require.ErrorIs(t, err, models.ErrNotPublic, address)
	}
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.17.0.1", "198.20.0.1", "223.255.255.255",
		"2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
	} {
		require.NoError(t, media.PublicOnly(t.Context(), "tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 80)), address)
	}
}
