// Package h264 reads what can be known of H.264 (ITU-T H.264) without decoding it: its
// NAL units, and the parameters of its sequences.
package h264
