// Package proc runs child processes whose standard output is a stream: it keeps
// the tail of their standard error, kills them with everything they started, and
// reports how they ended. On Linux no thread waits for one.
package proc
