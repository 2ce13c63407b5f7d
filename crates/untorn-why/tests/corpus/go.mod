module example.com/shop

go 1.19

require (
	example.com/applog v0.9.1
	example.com/cron v1.2.0
	example.com/group v0.5.0
)

replace (
	example.com/applog => ./lib/applog
	example.com/cron => ./lib/cron
	example.com/group => ./lib/group
)
