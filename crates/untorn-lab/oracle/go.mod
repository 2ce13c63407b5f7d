module untorn-oracle

go 1.22
