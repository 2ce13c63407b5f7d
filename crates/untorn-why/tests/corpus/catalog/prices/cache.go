// Package prices caches prices.
package prices

import (
	"strconv"
	"sync"
	"time"

	"example.com/shop/mark"
)

// Cache is refreshed by one goroutine and read by many; Lookup forgets the lock.
type Cache struct {
	mu   sync.RWMutex
	byID map[string]int
	stop chan struct{}
}

// NewCache returns a filled one.
func NewCache() *Cache {
	c := &Cache{byID: map[string]int{}, stop: make(chan struct{})}
	c.refresh(0)
	return c
}

func (c *Cache) refresh(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 0; i < 32; i++ {
		c.byID[strconv.Itoa(i)] = n // writes: poll-prices restart-poll
	}
}

// Poll refreshes again and again.
func (c *Cache) Poll(every time.Duration) {
	mark.Here()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
			c.refresh(n)
		case <-c.stop:
			return
		}
	}
}

// PollFor refreshes some times, in a goroutine that ends.
func (c *Cache) PollFor(times int) {
	mark.Here()
	for n := 0; n < times; n++ {
		c.refresh(n)
	}
}

// Lookup returns a price.
func (c *Cache) Lookup(id string) int {
	return c.byID[id] // notices: poll-prices restart-poll
}

// ReportSize counts the prices under the lock again and again.
func (c *Cache) ReportSize(every time.Duration) {
	ticker := time.NewTicker(every)
	for {
		select {
		case <-ticker.C:
			c.mu.RLock()
			_ = len(c.byID)
			c.mu.RUnlock()
		case <-c.stop:
			return
		}
	}
}

// Entries has keys that expire.
type Entries struct {
	mu     sync.Mutex
	values map[int]string
}

// NewEntries returns one with room.
func NewEntries() *Entries { return &Entries{values: map[int]string{}} }

// Put stores a value that expires.
func (e *Entries) Put(key int, value string, life time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.values[key] = value
	time.AfterFunc(life, func() { e.expire(key) })
}

func (e *Entries) expire(key int) {
	mark.Here()
	delete(e.values, key) // writes: after-func
}

// Get returns a value under the lock, which expire does not take.
func (e *Entries) Get(key int) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.values[key] // notices: after-func
}

var rates = map[string]float64{"EUR": 1}

// Rate returns a rate of exchange.
func Rate(currency string) float64 {
	return rates[currency] // notices: rates
}

// KeepRates fetches the rates for ever.
func KeepRates() {
	mark.Here()
	for n := 0; ; n++ {
		storeRates(n)
		time.Sleep(50 * time.Microsecond)
	}
}

func storeRates(n int) {
	for _, currency := range []string{"EUR", "USD", "JPY", "CHF"} {
		rates[currency] = float64(n) // writes: rates
	}
}
