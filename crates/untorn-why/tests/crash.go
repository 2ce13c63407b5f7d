// Programs with concurrent map accesses, one for each usual cause; the argument selects one.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// A lock that is copied with each call, as the receiver is a value.
type Settings struct {
	mu     sync.Mutex
	values map[string]string
}

//go:noinline
func (s Settings) Get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key]
}

//go:noinline
func (s Settings) Set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
}

func copiedLock() {
	settings := Settings{values: map[string]string{"1": "0"}}
	for i := 0; i < 2; i++ {
		go func() {
			for n := 0; ; n++ {
				settings.Set("1", strconv.Itoa(n))
			}
		}()
	}
	for {
		settings.Get("1")
	}
}

// A getter that returns the map, which is then used without its lock.
type Registry struct {
	mu    sync.RWMutex
	users map[string]int
}

func (r *Registry) All() map[string]int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.users
}

//go:noinline
func (r *Registry) Refresh(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := 0; i < 64; i++ {
		r.users[strconv.Itoa(i)] = n
	}
}

func escapingGetter(show func(map[string]int)) {
	registry := &Registry{users: map[string]int{}}
	registry.Refresh(0)
	go func() {
		for n := 0; ; n++ {
			registry.Refresh(n)
			time.Sleep(time.Microsecond)
		}
	}()
	for {
		show(registry.All())
	}
}

//go:noinline
func serve(users map[string]int) {
	if _, err := json.Marshal(users); err != nil {
		panic(err)
	}
}

//go:noinline
func logAll(users map[string]int) {
	fmt.Fprintln(io.Discard, "users:", users)
}

// A map in a package-level variable, refreshed by a goroutine that sleeps most of the time.
var routes = map[string]string{"/": "home"}

func reloadLoop(every time.Duration) {
	for n := 0; ; n++ {
		reload(n)
		time.Sleep(every)
	}
}

//go:noinline
func reload(n int) {
	for i := 0; i < 8; i++ {
		routes["/"+strconv.Itoa(i)] = strconv.Itoa(n)
	}
}

//go:noinline
func lookup(path string) string {
	return routes[path]
}

func packageLevel() {
	go reloadLoop(50 * time.Microsecond)
	for {
		lookup("/1")
	}
}

// A header that two requests share.
func sharedHeader() {
	shared := http.Header{}
	shared.Set("Accept", "text/plain")
	go func() {
		for {
			shared.Set("Authorization", "none")
		}
	}()
	for {
		shared.Get("Accept")
	}
}

// A struct that goroutines share by pointer; its getter bypasses the lock.
type Cache struct {
	mu      sync.Mutex
	entries map[string]int
}

//go:noinline
func (c *Cache) Get(key string) int {
	return c.entries[key]
}

//go:noinline
func (c *Cache) Put(key string, value int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = value
}

func sharedStruct() {
	cache := &Cache{entries: map[string]int{"1": 0}}
	go func() {
		for n := 0; ; n++ {
			cache.Put("1", n)
		}
	}()
	for {
		cache.Get("1")
	}
}

// Goroutines that fill one map.
//
//go:noinline
func work(results map[string]int, n int) {
	for i := 0; ; i++ {
		results[strconv.Itoa(i%64)] = n
	}
}

func fanOut() {
	results := map[string]int{}
	for n := 0; n < 4; n++ {
		go work(results, n)
	}
	select {}
}

func main() {
	switch os.Args[1] {
	case "copied-lock":
		copiedLock()
	case "escaping-json":
		escapingGetter(serve)
	case "escaping-log":
		escapingGetter(logAll)
	case "package-level":
		packageLevel()
	case "shared-header":
		sharedHeader()
	case "shared-struct":
		sharedStruct()
	case "fan-out":
		fanOut()
	case "nil-map":
		var none map[string]string
		none["1"] = "265"
	case "sleeping-main":
		// Some of these have not begun when the first two overlap.
		results := map[string]int{}
		for n := 0; n < 5; n++ {
			go work(results, n)
		}
		time.Sleep(time.Minute)
	}
}
