package main

import (
	"bufio"
	"encoding/binary"
	"unsafe"
)

// header is the map header of Go 1.22 and 1.23 on a 64-bit machine.
type header struct {
	count      int
	flags      uint8
	b          uint8
	noverflow  uint16
	hash0      uint32
	buckets    unsafe.Pointer
	oldbuckets unsafe.Pointer
	nevacuate  uintptr
	extra      unsafe.Pointer
}

const sameSizeGrow = 8

// mapType is the beginning of the runtime's type descriptor of a map.
type mapType struct {
	common     [48]byte
	key        unsafe.Pointer
	elem       unsafe.Pointer
	bucket     unsafe.Pointer
	hasher     func(unsafe.Pointer, uintptr) uintptr
	keySize    uint8
	elemSize   uint8
	bucketSize uint16
	flags      uint32
}

// Bits of mapType.flags.
const (
	indirectKey  = 1
	indirectElem = 2
)

// An interface value holds a pointer to the type and, for a map, the pointer to its header.
type emptyInterface struct {
	typ  *mapType
	data *header
}

func headerOf[K comparable, V any](m map[K]V) *header {
	boxed := any(m)
	return (*emptyInterface)(unsafe.Pointer(&boxed)).data
}

func typeOf[K comparable, V any]() *mapType {
	boxed := any(map[K]V(nil))
	return (*emptyInterface)(unsafe.Pointer(&boxed)).typ
}

// hasherOf returns the function with which the runtime hashes keys of this map type.
func hasherOf[K comparable, V any]() func(*K, uint32) uint64 {
	hasher := typeOf[K, V]().hasher
	return func(k *K, seed uint32) uint64 {
		return uint64(hasher(unsafe.Pointer(k), uintptr(seed)))
	}
}

func pointer[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// record is the result of one step: the operation's result, and the header of the map that it
// worked on (for a clone, the new map).
type record struct {
	found     bool   // byte 0: the key was there
	flags     uint8  // 1
	b         uint8  // 2
	growing   bool   // 3, bit 0: oldbuckets is set
	reseeded  bool   // 3, bit 1: Go has drawn a new seed
	noverflow uint16 // 4
	seed      uint32 // 8: the seed before the step
	hash      uint64 // 16: of the step's key under that seed
	result    uint64 // 24: id of the elem that was there; of an iteration, the sum of its entries
	count     uint64 // 32
	nevacuate uint64 // 40
	checksum  uint64 // 48: of all buckets; 0 if not requested
}

func (r *record) answer(found bool, result uint64) {
	r.found = found
	if found {
		r.result = result
	}
}

func (r *record) header(h *header) {
	r.flags, r.b, r.noverflow = h.flags, h.b, h.noverflow
	r.growing = h.oldbuckets != nil
	r.count, r.nevacuate = uint64(h.count), uint64(h.nevacuate)
}

func (r *record) write(out *bufio.Writer) {
	var bytes [recordBytes]byte
	bit := func(set bool, value uint8) uint8 {
		if set {
			return value
		}
		return 0
	}
	bytes[0], bytes[1], bytes[2] = bit(r.found, 1), r.flags, r.b
	bytes[3] = bit(r.growing, 1) | bit(r.reseeded, 2)
	binary.LittleEndian.PutUint16(bytes[4:], r.noverflow)
	binary.LittleEndian.PutUint32(bytes[8:], r.seed)
	for i, word := range [...]uint64{r.hash, r.result, r.count, r.nevacuate, r.checksum} {
		binary.LittleEndian.PutUint64(bytes[16+8*i:], word)
	}
	out.Write(bytes[:]) // an error stays until the Flush
}

func writeWords(out *bufio.Writer, words []uint64) {
	var bytes [8]byte
	for _, word := range append([]uint64{uint64(len(words))}, words...) {
		binary.LittleEndian.PutUint64(bytes[:], word)
		out.Write(bytes[:])
	}
}

// Slot marks: up to emptyOne the slot is empty, from minTopHash on it is full; in between its
// bucket is evacuated.
const (
	emptyOne   = 1
	minTopHash = 5
)

// Multipliers of the checksum, equal on both sides: one for the marks, one for each slot, one for
// the sum.
var multipliers = [10]uint64{
	0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb, 0xd6e8feb86659fd93, 0xff51afd7ed558ccd,
	0xc4ceb9fe1a85ec53, 0x2545f4914f6cdd1d, 0xda942042e4dd58b5, 0x9fb21c651e98df25, 0xa0761d6478bd642f,
}

// Constants mixed into the checksum at the end of a chain and of an array.
const (
	endOfChain = 0xc1
	endOfArray = 0xa2
)

func mix(sum, word uint64) uint64 {
	sum = (sum ^ word) * multipliers[9]
	return sum ^ sum>>29
}

// array calls visit for each bucket of 2^b chains in order, and with nil at the end of each chain.
// An array that is not allocated counts as 2^b chains of one empty bucket each: the two cannot be
// distinguished otherwise. Of an evacuated chain only the first bucket is visited: Go unlinks the
// others if keys or elems contain pointers and no iteration is running.
func (s *shape) array(buckets unsafe.Pointer, b uint8, visit func(bucket unsafe.Pointer)) {
	for i := uintptr(0); i < 1<<b; i++ {
		bucket := unsafe.Pointer(&s.blank[0])
		if buckets != nil {
			bucket = unsafe.Add(buckets, i*s.size)
		}
		for bucket != nil {
			visit(bucket)
			if mark := *(*uint8)(bucket); mark > emptyOne && mark < minTopHash {
				break
			}
			bucket = *(*unsafe.Pointer)(unsafe.Add(bucket, s.size-8))
		}
		visit(nil)
	}
}

func (h *header) oldB() uint8 {
	if h.flags&sameSizeGrow != 0 {
		return h.b
	}
	return h.b - 1
}

// checksum covers the contents: every mark of every bucket, and key and elem of every full slot.
func (s *shape) checksum(h *header) uint64 {
	sum := uint64(0)
	visit := func(bucket unsafe.Pointer) {
		if bucket == nil {
			sum = mix(sum, endOfChain)
			return
		}
		marks := *(*uint64)(bucket)
		word := marks * multipliers[0]
		for i := uintptr(0); i < 8; i++ {
			if uint8(marks>>(8*i)) >= minTopHash {
				word += s.entryID(s.key(bucket, i), s.elem(bucket, i)) * multipliers[1+i]
			}
		}
		sum = mix(sum, word)
	}
	s.array(h.buckets, h.b, visit)
	if h.oldbuckets != nil {
		sum = mix(sum, endOfArray)
		s.array(h.oldbuckets, h.oldB(), visit)
	}
	return sum
}

// dump appends the contents in full: the number of arrays; for each the number of chains; for each
// the number of buckets; for each the marks, eight key ids and eight elem ids, 0 for an empty slot.
func (s *shape) dump(h *header, words []uint64) []uint64 {
	array := func(buckets unsafe.Pointer, b uint8) {
		words = append(words, 1<<b)
		length := len(words)
		words = append(words, 0)
		chains := 1
		s.array(buckets, b, func(bucket unsafe.Pointer) {
			if bucket == nil {
				if chains < 1<<b {
					length = len(words)
					words = append(words, 0)
				}
				chains++
				return
			}
			words[length]++
			marks := *(*uint64)(bucket)
			words = append(words, marks)
			ids := [16]uint64{}
			for i := uintptr(0); i < 8; i++ {
				if uint8(marks>>(8*i)) >= minTopHash {
					ids[i] = s.keyID(s.key(bucket, i))
					ids[8+i] = s.elemID(s.elem(bucket, i))
				}
			}
			words = append(words, ids[:]...)
		})
	}
	if h.oldbuckets == nil {
		words = append(words, 1)
		array(h.buckets, h.b)
	} else {
		words = append(words, 2)
		array(h.buckets, h.b)
		array(h.oldbuckets, h.oldB())
	}
	return words
}

// checkLayout compares the assumed memory layout with a real map, and exits the process on a
// mismatch: no answer is better than a wrong one.
func checkLayout() {
	m := make(map[uint64]uint64)
	for k := uint64(0); k < 100; k++ {
		m[k] = ^k
	}
	h, hash := headerOf(m), hasherOf[uint64, uint64]()
	s := shapeOf[uint64, uint64](word, word)
	if h.count != 100 || h.b != 4 || h.noverflow > 16 || s.size != 144 {
		fail("the header of a map of 100 keys reads %+v", *h)
	}
	found := 0
	place := func(buckets unsafe.Pointer, b uint8) {
		chain := uint64(0)
		s.array(buckets, b, func(bucket unsafe.Pointer) {
			if bucket == nil {
				chain++
				return
			}
			for i := uintptr(0); i < 8; i++ {
				mark := *(*uint8)(unsafe.Add(bucket, i))
				if mark < minTopHash {
					continue
				}
				key := *(*uint64)(s.key(bucket, i))
				of := hash(&key, h.hash0)
				top := uint8(of >> 56)
				if top < minTopHash {
					top += minTopHash
				}
				elem := *(*uint64)(s.elem(bucket, i))
				if elem != ^key || top != mark || of&(1<<b-1) != chain {
					fail("slot %d of chain %d has key %d, elem %d, mark %d, hash %x", i, chain, key, elem, mark, of)
				}
				found++
			}
		})
	}
	place(h.buckets, h.b)
	if h.oldbuckets != nil {
		place(h.oldbuckets, h.oldB())
	}
	if found != 100 {
		fail("of 100 keys %d were found in the buckets", found)
	}
}
