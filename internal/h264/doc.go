// Package h264 reads the NAL units of H.264 (ITU-T H.264), and the parameters of its
// sequences. It decodes no pictures.
package h264
