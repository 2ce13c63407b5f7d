// A catalog: prices that are polled, settings that are changed while they are shown.
package main

import (
	"encoding/json"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"example.com/shop/catalog/prices"
	"example.com/shop/catalog/settings"
	"example.com/shop/idle"
)

func serveLookups(cache *prices.Cache) {
	for n := 0; ; n++ {
		cache.Lookup(strconv.Itoa(n % 32))
	}
}

func pollPrices() {
	idle.Start("mail", "metrics", "signals", "listen")
	cache := prices.NewCache()
	go cache.Poll(100 * time.Microsecond)
	go cache.ReportSize(time.Millisecond)
	go serveLookups(cache)
	select {}
}

// Each poll has a goroutine of its own, which ends.
func restartPoll() {
	idle.Start("mail", "evict", "audit")
	cache := prices.NewCache()
	go serveLookups(cache)
	go cache.ReportSize(time.Millisecond)
	go refreshBanner()
	for {
		go cache.PollFor(3)
		time.Sleep(30 * time.Microsecond)
	}
}

// refreshBanner changes a map that only it uses.
func refreshBanner() {
	banner := map[string]int{}
	for {
		banner["lines"]++
		time.Sleep(time.Millisecond)
	}
}

func expireEntries() {
	idle.Start("metrics", "lease", "locked")
	entries := prices.NewEntries()
	go func() {
		for n := 0; ; n++ {
			entries.Put(n%1000, "value", 200*time.Microsecond)
			time.Sleep(time.Microsecond)
		}
	}()
	for n := 0; ; n++ {
		entries.Get(n % 1000)
	}
}

func keepRates() {
	idle.Start("mail", "metrics", "audit")
	go prices.KeepRates()
	go refreshBanner()
	for i := 0; i < 2; i++ {
		go convert()
	}
	idle.Start("signals")
	select {}
}

func convert() {
	total := 0.0
	for {
		total += prices.Rate("USD")
	}
}

func showJSON(store *settings.Store) {
	if err := json.NewEncoder(io.Discard).Encode(store.All()); err != nil { // notices: returned-json
		log.Fatal(err)
	}
}

func returnedJSON() {
	idle.Start("mail", "evict", "listen")
	store := settings.NewStore()
	changes := make(chan string)
	go store.Follow(changes)
	go func() {
		for n := 0; ; n++ {
			changes <- strconv.Itoa(n % 16)
		}
	}()
	for {
		showJSON(store)
	}
}

func countOn(store *settings.Store) int {
	on := 0
	for _, value := range store.All() { // notices: returned-range
		if value == "on" {
			on++
		}
	}
	return on
}

func returnedRange() {
	idle.Start("metrics", "wait", "pipe")
	store := settings.NewStore()
	changes := make(chan string, 8)
	go store.Follow(changes)
	go func() {
		for {
			countOn(store)
		}
	}()
	for n := 0; ; n++ {
		changes <- strconv.Itoa(n % 16)
	}
}

// quiet is no io.Discard, for which a logger formats nothing.
type quiet struct{}

func (quiet) Write(line []byte) (int, error) { return len(line), nil }

func logSettings() {
	idle.Start("mail", "lease")
	store := settings.NewStore()
	changes := make(chan string)
	go store.Follow(changes)
	logger := log.New(quiet{}, "", 0)
	go func() {
		for {
			logger.Printf("settings: %v", store.All()) // notices: log-settings
		}
	}()
	for n := 0; ; n++ {
		changes <- strconv.Itoa(n % 16)
	}
}

func logShort() {
	idle.Start("metrics", "audit", "signals")
	store := settings.NewStore()
	logger := log.New(quiet{}, "", 0)
	go refreshBanner()
	go func() {
		for n := 0; ; n++ {
			go store.Change(n)
			time.Sleep(10 * time.Microsecond)
		}
	}()
	for {
		logger.Println("settings", store.All()) // notices: log-short
	}
}

// A timer that reloads, and starts itself again.
func reload() {
	idle.Start("mail", "metrics", "evict")
	config := settings.NewConfig()
	var again func()
	n := 0
	again = func() {
		n++
		config.Reload(n)
		time.AfterFunc(50*time.Microsecond, again)
	}
	time.AfterFunc(0, again)
	for i := 0; i < 2; i++ {
		go limitRequests(config)
	}
	select {}
}

func limitRequests(config *settings.Config) {
	for {
		config.Limit("limit7")
	}
}

func main() {
	switch os.Args[1] {
	case "poll-prices":
		pollPrices()
	case "restart-poll":
		restartPoll()
	case "after-func":
		expireEntries()
	case "rates":
		keepRates()
	case "returned-json":
		returnedJSON()
	case "returned-range":
		returnedRange()
	case "log-settings":
		logSettings()
	case "log-short":
		logShort()
	case "reload":
		reload()
	}
}
