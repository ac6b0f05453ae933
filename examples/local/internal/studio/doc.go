// Package studio plays into any number of calls on this machine. Each call has a server
// with a network in front of it, and does by itself what a bot has to: it joins, and joins
// again when its connection is lost.
package studio
