# git: init, add, commit, branch, merge, gc, clone, push of a local repository.
# needs: git
# timeout: 60
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git init -q -b main r; cd r
for i in 1 2 3; do seq $((i * 100)) >f$i; git add .; git commit -qm "commit $i"; done
git log --format='%h %s'; git status --short; echo more >>f1; git diff --stat; git stash -q; git stash pop -q; git checkout -q f1
git checkout -qb topic; echo topic >t; git add t; git commit -qm topic; git checkout -q main; echo x >m; git add m; git commit -qm m
git merge -q --no-edit topic; git log --oneline --graph | cat; git gc -q; git count-objects -v | grep -E '^(count|packs)'; git fsck 2>&1 | tail -1
cd ..; git clone -q r c; cd c; ls; git log --format=%H -1; echo y >y; git add y; git commit -qm y; git push -q origin main:pushed; cd ../r; git rev-parse pushed
git tag -a v1 -m v1; git describe; git archive HEAD | tar t; git grep -c 99; git blame -s f1 | tail -1
git bundle create -q ../b.bundle --all; git clone -q -b main ../b.bundle ../d; ls ../d; git worktree add -q ../w topic; ls ../w
