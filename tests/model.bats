#!/usr/bin/env bats
# See LICENSE.
# bats file_tags=slow
# Random images against a model of the rules; the seeds are in the output.

load helper

@test "random images come out as the model has them" {
	skip_unless_root
	mkdir "$T/m"
	# 123: a removed directory's inode number comes back in the same layer
	"$BATS_TEST_DIRNAME/model.py" "$T/m" 1 123
	rm -rf "$T/m"/*
	"$BATS_TEST_DIRNAME/model.py" "$T/m" "$(size 50 300)"
}
