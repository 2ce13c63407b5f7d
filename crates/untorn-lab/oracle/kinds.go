package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"
	"unsafe"
)

// kinds are the map types that a request can select, by number.
var kinds = []func(*request, *bufio.Writer){
	func(r *request, out *bufio.Writer) {
		sequence(r, word64, same, shapeOf[uint64, uint64](word, word), out)
	},
	func(r *request, out *bufio.Writer) {
		sequence(r, word32, low8, shapeOf[uint32, uint8](half, octet), out)
	},
	func(r *request, out *bufio.Writer) {
		sequence(r, text, same, shapeOf[string, uint64](str, word), out)
	},
	func(r *request, out *bufio.Writer) {
		elem := func(number uint64) (elem [136]byte) { fill(elem[:], number); return }
		sequence(r, word64, elem, shapeOf[uint64, [136]byte](word, word), out)
	},
	func(r *request, out *bufio.Writer) {
		key := func(number uint32) (key [16]byte) { fill(key[:], word64(number)); return }
		sequence(r, key, low32, shapeOf[[16]byte, uint32](word, half), out)
	},
	func(r *request, out *bufio.Writer) {
		key := func(number uint32) (key [136]byte) { fill(key[:], word64(number)); return }
		sequence(r, key, same, shapeOf[[136]byte, uint64](word, word), out)
	},
	func(r *request, out *bufio.Writer) {
		key := func(number uint32) (key [128]byte) { fill(key[:], word64(number)); return }
		elem := func(number uint64) (elem [128]byte) { fill(elem[:], number); return }
		sequence(r, key, elem, shapeOf[[128]byte, [128]byte](word, word), out)
	},
	func(r *request, out *bufio.Writer) {
		elem := func(uint64) struct{} { return struct{}{} }
		sequence(r, text, elem, shapeOf[string, struct{}](str, nothing), out)
	},
}

func word64(number uint32) uint64 { return uint64(number) * 0x9e3779b97f4a7c15 }
func word32(number uint32) uint32 { return number * 0x9e3779b1 }
func same(number uint64) uint64   { return number }
func low32(number uint64) uint32  { return uint32(number) }
func low8(number uint64) uint8    { return uint8(number) }

// fill puts the number first, and bytes derived from it after.
func fill(bytes []byte, number uint64) {
	for i := range bytes {
		bytes[i] = uint8(number) + uint8(i)
	}
	binary.LittleEndian.PutUint64(bytes, number)
}

// text returns a string of one of three kinds: short; short, with a common prefix and suffix; long,
// with a common prefix and suffix. Each call allocates a new string, so that no two keys share
// memory.
func text(number uint32) string {
	switch number % 3 {
	case 0:
		return fmt.Sprintf("k%d", number)
	case 1:
		return fmt.Sprintf("conf%08x.key", number)
	default:
		return fmt.Sprintf("conf%08x", number) + strings.Repeat(".", 24) + ".key"
	}
}

// form is how the id of a key or elem is read from its memory. The checksum and the dump use the
// id.
type form uint8

const (
	nothing form = iota // zero bytes: always 0
	octet               // one byte
	half                // four bytes
	word                // the first eight bytes
	str                 // of a string: bytes 4 to 12, or the first eight if it is shorter than 12
)

func (f form) id(p unsafe.Pointer) uint64 {
	switch f {
	case octet:
		return uint64(*(*uint8)(p))
	case half:
		return uint64(*(*uint32)(p))
	case word:
		return *(*uint64)(p)
	case str:
		s := *(*string)(p)
		if len(s) >= 12 {
			return *(*uint64)(unsafe.Pointer(unsafe.StringData(s[4:])))
		}
		id := uint64(0)
		for i := 0; i < len(s) && i < 8; i++ {
			id |= uint64(s[i]) << (8 * i)
		}
		return id
	default:
		return 0
	}
}

// shape is the layout of a bucket of a map type.
type shape struct {
	keyForm, elemForm form
	keySize, elemSize uintptr
	elems             uintptr
	size              uintptr
	flags             uint32
	blank             []uint64
}

func shapeOf[K comparable, V any](keyForm, elemForm form) shape {
	t := typeOf[K, V]()
	return shape{
		keyForm:  keyForm,
		elemForm: elemForm,
		keySize:  uintptr(t.keySize),
		elemSize: uintptr(t.elemSize),
		elems:    8 + 8*uintptr(t.keySize),
		size:     uintptr(t.bucketSize),
		flags:    t.flags,
		blank:    make([]uint64, t.bucketSize/8),
	}
}

func (s *shape) key(bucket unsafe.Pointer, i uintptr) unsafe.Pointer {
	p := unsafe.Add(bucket, 8+i*s.keySize)
	if s.flags&indirectKey != 0 {
		p = *(*unsafe.Pointer)(p)
	}
	return p
}

func (s *shape) elem(bucket unsafe.Pointer, i uintptr) unsafe.Pointer {
	p := unsafe.Add(bucket, s.elems+i*s.elemSize)
	if s.flags&indirectElem != 0 {
		p = *(*unsafe.Pointer)(p)
	}
	return p
}

func (s *shape) keyID(p unsafe.Pointer) uint64  { return s.keyForm.id(p) }
func (s *shape) elemID(p unsafe.Pointer) uint64 { return s.elemForm.id(p) }

// entryID combines the ids of key and elem.
func (s *shape) entryID(key, elem unsafe.Pointer) uint64 {
	e := s.elemID(elem)
	return s.keyID(key) ^ (e<<17 | e>>47)
}
