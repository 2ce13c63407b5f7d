// The Go side of benches/go.rs. For each line "operation kind keys" on standard input it runs one
// body of work on a map and prints the number of operations and the nanoseconds they took. Creating
// the keys and filling the map for lookups is not timed.
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"
)

const (
	// Lookups in one body, for every map size.
	lookups = 1 << 19
	// Inserts in one body, spread over as many maps as needed.
	inserts = 1 << 18
)

// numbers is SplitMix64, as in benches/go.rs: both sides use the same keys in the same order.
type numbers struct{ state uint64 }

func (n *numbers) next() uint64 {
	n.state += 0x9e3779b97f4a7c15
	z := n.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// bench is a map, its keys, and the keys to look up.
type bench[K comparable] struct {
	keys, hits, misses []K
	m                  map[K]uint64
}

func prepare[K comparable](n int, key func(uint64) K) *bench[K] {
	random := numbers{7}
	b := &bench[K]{m: make(map[K]uint64)}
	for i := 0; i < n; i++ {
		b.keys = append(b.keys, key(random.next()))
	}
	for i := 0; i < lookups; i++ {
		b.hits = append(b.hits, b.keys[random.next()%uint64(n)])
	}
	for i := 0; i < lookups; i++ {
		b.misses = append(b.misses, key(random.next()))
	}
	b.fill(b.m)
	return b
}

func (b *bench[K]) fill(m map[K]uint64) {
	for i, k := range b.keys {
		m[k] = uint64(i)
	}
}

// sum keeps the results, so that the compiler cannot remove the work.
var sum uint64

func (b *bench[K]) run(operation string) int {
	switch operation {
	case "hit", "miss":
		asked := b.hits
		if operation == "miss" {
			asked = b.misses
		}
		for _, k := range asked {
			v, ok := b.m[k]
			if ok {
				sum += v + 1
			}
		}
		return len(asked)
	case "insert":
		maps := max(inserts/len(b.keys), 1)
		for i := 0; i < maps; i++ {
			m := make(map[K]uint64)
			b.fill(m)
			sum += uint64(len(m))
		}
		return maps * len(b.keys)
	case "delete":
		for _, k := range b.hits {
			delete(b.m, k)
			b.m[k] = 1
		}
		return len(b.hits)
	case "walk":
		walks := max(lookups/len(b.keys), 1)
		for i := 0; i < walks; i++ {
			for _, v := range b.m {
				sum += v
			}
		}
		return walks * len(b.keys)
	}
	panic("no such operation: " + operation)
}

func main() {
	var prepared string
	var run func(string) int
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var operation, kind string
		var n int
		if _, err := fmt.Sscan(in.Text(), &operation, &kind, &n); err != nil {
			panic(err)
		}
		if now := fmt.Sprint(kind, n); now != prepared {
			prepared = now
			if kind == "u64" {
				run = prepare(n, func(number uint64) uint64 { return number }).run
			} else {
				run = prepare(n, func(number uint64) string { return fmt.Sprintf("service/region/%016x", number) }).run
			}
		}
		start := time.Now()
		operations := run(operation)
		fmt.Println(operations, time.Since(start).Nanoseconds())
	}
}
