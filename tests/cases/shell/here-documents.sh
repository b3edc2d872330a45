# Here-documents and here-strings, small and larger than a pipe.
name=value
cat <<END
plain $name $((2 * 3)) $(echo sub) \$name
END
cat <<'END'
quoted $name
END
cat <<-END
	tabs go
	END
tr a-z A-Z <<<"string $name"
cat <<A; cat <<B
first
A
second
B
big=$(printf 'x%.0s' $(seq 100000))
wc -c <<<"$big"
wc -c <<END
$big$big
END
while read -r a b; do echo "$b-$a"; done <<END
1 one
2 two three
END
