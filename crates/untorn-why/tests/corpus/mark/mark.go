// Package mark reports the goroutines that write, so that the recorder knows them without reading
// the dump.
package mark

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Size is the number of bytes of the memory that the recorder reads.
const Size = 1 << 19

// numbers is shared with the recorder: a system call here would change what the dump shows.
var numbers []uint64
var next uint64

func init() {
	if memory, err := syscall.Mmap(3, 0, Size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err == nil {
		numbers = unsafe.Slice((*uint64)(unsafe.Pointer(&memory[0])), Size/8)
	}
}

// Here stores the number of the calling goroutine. Every goroutine that writes to the map of a
// scene calls it before its first write.
func Here() {
	if numbers == nil {
		return
	}
	var stack [40]byte
	runtime.Stack(stack[:], false)
	number := uint64(0)
	for _, digit := range stack[len("goroutine "):] {
		if digit == ' ' {
			break
		}
		number = number*10 + uint64(digit-'0')
	}
	numbers[atomic.AddUint64(&next, 1)%uint64(len(numbers))] = number
}
