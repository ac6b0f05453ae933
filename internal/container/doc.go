// Package container turns the bytes of Ogg, IVF and Matroska into frames, and raw frames
// into Matroska. It opens nothing and starts nothing. What it reads may be broken or
// hostile: no length in it is believed before there is data behind it.
package container
