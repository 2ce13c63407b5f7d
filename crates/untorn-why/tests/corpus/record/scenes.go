package main

// A scene of a program.
type scene struct {
	program, name string
	// Whether its writers end at once, so that most dumps have none of them.
	ends bool
	// The cause that is right for it: an id of untorn why, or `-`.
	cause string
}

var scenes = []scene{
	{"catalog", "poll-prices", false, "refreshed_in_place"},
	{"catalog", "restart-poll", true, "refreshed_in_place"},
	{"catalog", "after-func", true, "shared_struct"},
	{"catalog", "rates", false, "package_level"},
	{"catalog", "returned-json", false, "map_returned"},
	{"catalog", "returned-range", false, "map_returned"},
	{"catalog", "log-settings", false, "formatted"},
	{"catalog", "log-short", true, "formatted"},
	{"catalog", "reload", true, "refreshed_in_place"},
	{"hub", "join", false, "shared_struct"},
	{"hub", "leave", true, "shared_struct"},
	{"hub", "count", false, "shared_struct"},
	{"hub", "event-slow", false, "-"},
	{"hub", "event-short", true, "shared_struct"},
	{"hub", "two-events", false, "-"},
	{"batch", "fan-out", false, "fan_out"},
	{"batch", "fan-out-once", true, "fan_out"},
	{"batch", "group", false, "fan_out"},
	{"batch", "memo", false, "shared_struct"},
	{"batch", "pipeline", false, "-"},
	{"batch", "captured", false, "captured"},
	{"batch", "timeout", false, "captured"},
	{"batch", "late", true, "-"},
	{"storefront", "sessions", false, "shared_struct"},
	{"storefront", "sessions-close", true, "shared_struct"},
	{"storefront", "slow-page", false, "package_level"},
	{"storefront", "stats", true, "package_level"},
	{"storefront", "header", false, "shared_header"},
	{"storefront", "left-behind", true, "shared_struct"},
	{"agent", "read-lock", false, "shared_struct"},
	{"agent", "janitor", false, "shared_struct"},
	{"agent", "by-value", false, "lock_copied"},
	{"agent", "by-value-short", true, "lock_copied"},
	{"agent", "labels", false, "-"},
	{"agent", "labels-patch", true, "-"},
	{"agent", "lazy", true, "package_level"},
	{"agent", "machine", false, "shared_struct"},
	{"agent", "journal", false, "shared_struct"},
	{"agent", "cron", true, "shared_struct"},
	{"agent", "cron-inline", false, "shared_struct"},
}

// Scenes in which an innocent goroutine looks more like a writer than the one that is. They are not
// among those above, as each was written against a rule.
var bystanders = []scene{
	{"bystanders", "by-refresh", false, "-"},
	{"bystanders", "by-metrics", false, "-"},
	{"bystanders", "by-audit", false, "-"},
	{"bystanders", "by-headers", false, "-"},
	{"bystanders", "by-hash", false, "-"},
	{"bystanders", "by-stats", false, "-"},
	{"bystanders", "by-stats-too", false, "-"},
	{"bystanders", "by-compress", false, "-"},
	{"bystanders", "by-checksum", false, "-"},
}
