// The oracle executes sequences of operations on Go's own map and reports the state of the
// runtime's map after each step.
//
// It reads requests from standard input and writes each answer to standard output, until the input
// ends. All numbers are little-endian:
//
//	request:  kind u8, dump u8, 0 u16, hint u32, seed u64, checksum every u32, steps u32; then for each step
//	          operation u8, slot u8, 0 u16, key u32, elem u64
//	answer:   a record of 56 bytes for each step (see table.go); if a dump is requested, its number of words as u64
//	          and the words, of both slots after the last step
//
// A sequence works on two maps, slots 0 and 1, so that a map and its clone can both be used
// further. Key and elem are numbers; kinds.go makes a key and an elem of the kind from them.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strings"
)

const (
	requestBytes   = 24
	operationBytes = 16
	recordBytes    = 56
)

// The operations, by their number in a request.
const (
	opInsert  = iota // m[k] = v
	opDelete         // delete(m, k)
	opGet            // v, ok := m[k]
	opIterate        // for range m
	opClear          // clear(m)
	opClone          // m2 = maps.Clone(m), into the other slot
	opMake           // m = make(map[K]V, hint), the hint in place of the elem
)

type request struct {
	kind          uint8
	dump          bool
	hint          uint32
	seed          uint64
	checksumEvery uint32
	operations    []byte
}

func readRequest(in io.Reader) (*request, error) {
	var head [requestBytes]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	r := &request{
		kind:          head[0],
		dump:          head[1] != 0,
		hint:          binary.LittleEndian.Uint32(head[4:]),
		seed:          binary.LittleEndian.Uint64(head[8:]),
		checksumEvery: binary.LittleEndian.Uint32(head[16:]),
		operations:    make([]byte, operationBytes*int(binary.LittleEndian.Uint32(head[20:]))),
	}
	_, err := io.ReadFull(in, r.operations)
	return r, err
}

func main() {
	version := runtime.Version()
	if !strings.HasPrefix(version, "go1.22") && !strings.HasPrefix(version, "go1.23") {
		fail("unsupported release %s: the classic map with a load factor of 6.5 is in go1.22 and go1.23", version)
	}
	checkLayout()
	in, out := bufio.NewReaderSize(os.Stdin, 1<<16), bufio.NewWriterSize(os.Stdout, 1<<16)
	for {
		r, err := readRequest(in)
		if err == io.EOF {
			return
		}
		if err != nil {
			fail("cannot read a request: it is incomplete: %v", err)
		}
		if int(r.kind) >= len(kinds) {
			fail("unknown kind %d", r.kind)
		}
		kinds[r.kind](r, out)
		if err := out.Flush(); err != nil {
			fail("cannot write an answer: %v", err)
		}
	}
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "oracle: "+format+"\n", arguments...)
	os.Exit(1)
}

// slot is one of the two maps of a sequence.
type slot[K comparable, V any] struct {
	m map[K]V
	// The seed that was put into the map's header; a different one means that Go has drawn a new seed.
	seed uint32
}

// sequence executes a request. It is generic, so that each kind gets its own code, with the fast
// variants of the map functions where the compiler has one for the key type.
func sequence[K comparable, V any](r *request, key func(uint32) K, elem func(uint64) V, s shape, out *bufio.Writer) {
	var slots [2]slot[K, V]
	seeds := seeds{r.seed}
	fresh := func(at int, hint uint64) {
		slots[at].m = make(map[K]V, hint)
		slots[at].seed = seeds.next()
		headerOf(slots[at].m).hash0 = slots[at].seed
	}
	fresh(0, uint64(r.hint))
	fresh(1, 0)
	hash := hasherOf[K, V]()

	for step := 0; step*operationBytes < len(r.operations); step++ {
		operation := r.operations[step*operationBytes:]
		at := int(operation[1])
		k := key(binary.LittleEndian.Uint32(operation[4:]))
		number := binary.LittleEndian.Uint64(operation[8:])
		m := slots[at].m
		record := record{seed: slots[at].seed, hash: hash(&k, slots[at].seed)}

		switch operation[0] {
		case opInsert:
			old, found := m[k]
			record.answer(found, s.elemID(pointer(&old)))
			m[k] = elem(number)
		case opDelete:
			old, found := m[k]
			record.answer(found, s.elemID(pointer(&old)))
			delete(m, k)
		case opGet:
			old, found := m[k]
			record.answer(found, s.elemID(pointer(&old)))
		case opIterate:
			sum := uint64(0)
			for k, v := range m {
				sum += s.entryID(pointer(&k), pointer(&v))
			}
			record.answer(len(m) > 0, sum)
		case opClear:
			clear(m)
		case opClone:
			at = 1 - at
			slots[at] = slot[K, V]{maps.Clone(m), slots[1-at].seed}
		case opMake:
			fresh(at, number)
		default:
			fail("unknown operation %d", operation[0])
		}

		h := headerOf(slots[at].m)
		if h.hash0 != slots[at].seed {
			// Go has drawn a new seed, which it may do only while the map is empty. The seed that replaces
			// it makes the sequence repeatable.
			if h.count != 0 {
				fail("the seed of a map with %d entries has changed", h.count)
			}
			record.reseeded = true
			slots[at].seed = seeds.next()
			h.hash0 = slots[at].seed
		}
		record.header(h)
		if (step+1)%int(r.checksumEvery) == 0 {
			record.checksum = s.checksum(h)
		}
		record.write(out)
	}
	if r.dump {
		var words []uint64
		for i := range slots {
			words = s.dump(headerOf(slots[i].m), words)
		}
		writeWords(out, words)
	}
}

// seeds is a small generator (SplitMix64) of the seeds that replace Go's random ones in the
// headers.
type seeds struct{ state uint64 }

func (s *seeds) next() uint32 {
	s.state += 0x9e3779b97f4a7c15
	z := s.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32((z ^ z>>31) >> 32)
}
