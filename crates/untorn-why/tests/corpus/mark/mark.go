// Package mark reports the goroutines that write, so that the recorder knows them without reading
// the dump.
package mark

import (
	"bytes"
	"os"
	"runtime"
)

// Here prints the number of the calling goroutine. Every goroutine that writes to the map of a
// scene calls it before its first write.
func Here() {
	var stack [64]byte
	words := bytes.Fields(stack[:runtime.Stack(stack[:], false)])
	os.Stdout.WriteString("writer " + string(words[1]) + "\n")
}
