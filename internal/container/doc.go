// Package container turns the bytes of Ogg, IVF and Matroska into frames, and reads
// what Opus and VP8 say of themselves. It opens nothing and starts nothing; whatever
// it is given may be broken or hostile.
package container
