/*
 * init - make a home directory, or what is missing of one
 */
#ifndef CTL_INIT_H
#define CTL_INIT_H

/*
 * Make dir (home_path() if NULL) a home for the host me. What is there is
 * kept; a directory that holds anything else is refused. Exits when that is
 * impossible; 0 otherwise.
 */
int init_home(const char *dir, const char *me);

#endif
