// Bystanders: beside the writer a goroutine that is innocent, but looks more like a writer.
package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"example.com/shop/mark"
)

var (
	sessions = map[int]string{}
	prices   = map[string]int{}
	mu       sync.Mutex
)

// refreshPrices is innocent: it refreshes another map under its lock, and is named for that.
func refreshPrices() {
	for {
		mu.Lock()
		prices["a"]++
		mu.Unlock()
	}
}

func login(i int) {
	sessions[i] = fmt.Sprint(i) // writes: by-refresh
}

func serve() {
	mark.Here()
	for i := 0; ; i++ {
		login(i % 1000)
		time.Sleep(time.Microsecond)
	}
}

func countSessions() int {
	n := 0
	for k := range sessions { // notices: by-refresh
		n += k
	}
	return n
}

func byRefresh() {
	go refreshPrices()
	go serve()
	for {
		countSessions()
	}
}

type metrics struct {
	mu sync.Mutex
	m  map[string]int
}

// observe is innocent: the map is another one, of another type's value.
func (x *metrics) observe() {
	for {
		x.mu.Lock()
		x.m["requests"]++
		x.mu.Unlock()
	}
}

type visits struct{ m map[string]int }

func (s *visits) loop() {
	mark.Here()
	for i := 0; ; i++ {
		s.m["a"] = i // writes: by-metrics
		time.Sleep(time.Microsecond)
	}
}

func (s *visits) get() int { return s.m["a"] } // notices: by-metrics

func byMetrics() {
	s := &visits{m: map[string]int{}}
	x := &metrics{m: map[string]int{}}
	go x.observe()
	go s.loop()
	for {
		s.get()
	}
}

type store struct{ m map[uint64]int }

func (s *store) refresh() {
	mark.Here()
	for i := uint64(0); ; i++ {
		s.m[i%8] = int(i) // writes: by-audit by-headers
		time.Sleep(time.Microsecond)
	}
}

func (s *store) serve() {
	for {
		_ = s.m[3] // notices: by-audit by-headers
	}
}

var audit = map[string]int{}

// count is innocent: its map has keys of another type.
func count() {
	for {
		audit["x"]++
	}
}

func byAudit() {
	s := &store{m: map[uint64]int{}}
	go count()
	go s.refresh()
	go s.serve()
	time.Sleep(time.Hour)
}

// request is innocent: it builds maps of its own.
func request() {
	for {
		h := http.Header{}
		h.Set("A", "b")
	}
}

func byHeaders() {
	s := &store{m: map[uint64]int{}}
	go request()
	go s.refresh()
	go s.serve()
	select {}
}

func byHash() {
	m := map[string]int{}
	// Innocent: it computes, and never uses the map.
	go func() {
		h := sha256.Sum256([]byte("x"))
		for {
			h = sha256.Sum256(h[:])
		}
	}()
	go func() {
		mark.Here()
		for i := 0; ; i++ {
			m["a"] = i // writes: by-hash
			time.Sleep(time.Microsecond)
		}
	}()
	go func() {
		n := 0
		for {
			n += m["a"] // notices: by-hash
		}
	}()
	select {}
}

type server struct {
	config map[string]string
	hits   atomic.Value

	mu    sync.Mutex
	stats map[string]int
}

func newServer() *server {
	return &server{config: map[string]string{"addr": ":80"}, stats: map[string]int{}}
}

// updateStats is innocent: it changes another map of the same value, under its lock.
func (s *server) updateStats() {
	for {
		s.mu.Lock()
		for i := 0; i < 100; i++ {
			s.stats["requests"]++
		}
		s.mu.Unlock()
	}
}

// compress is innocent: it computes.
func (s *server) compress() {
	for {
		for i := 0; i < 1000; i++ {
			s.hits.Store(i)
		}
	}
}

func (s *server) handle() string {
	return s.config["addr"] // notices: by-stats by-stats-too by-compress
}

// reload is a plain function, which was handed the map.
func reload(config map[string]string) {
	mark.Here()
	for {
		config["addr"] = ":80" // writes: by-stats by-compress
		time.Sleep(10 * time.Microsecond)
	}
}

func (s *server) reloadLoop() {
	mark.Here()
	for {
		s.config["addr"] = ":80" // writes: by-stats-too
		time.Sleep(10 * time.Microsecond)
	}
}

func byStats() {
	s := newServer()
	go s.updateStats()
	go reload(s.config)
	for {
		s.handle()
	}
}

func byStatsToo() {
	s := newServer()
	go s.updateStats()
	go s.reloadLoop()
	for {
		s.handle()
	}
}

func byCompress() {
	s := newServer()
	go s.compress()
	go reload(s.config)
	for {
		s.handle()
	}
}

type table struct{ m map[string]int }

func (c *table) get(k string) int { return c.m[k] } // notices: by-checksum

func (c *table) warm() {
	mark.Here()
	for i := 0; ; i++ {
		c.m[fmt.Sprint(i%10)] = i // writes: by-checksum
		time.Sleep(time.Microsecond)
	}
}

// checksum is innocent: it computes.
func (c *table) checksum() {
	var x uint32
	for i := uint32(0); ; i++ {
		x = x*31 + i
	}
}

func byChecksum() {
	c := &table{m: map[string]int{}}
	go c.checksum()
	go c.warm()
	go func() {
		for {
			c.get("1")
		}
	}()
	select {}
}

func main() {
	map[string]func(){
		"by-refresh":   byRefresh,
		"by-metrics":   byMetrics,
		"by-audit":     byAudit,
		"by-headers":   byHeaders,
		"by-hash":      byHash,
		"by-stats":     byStats,
		"by-stats-too": byStatsToo,
		"by-compress":  byCompress,
		"by-checksum":  byChecksum,
	}[os.Args[1]]()
}
