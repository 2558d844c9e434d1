/* ceilings [DIR]: print what this machine can do without an engine. DIR: where to sync (default .).
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/suite.h"

int main(int argc, char **argv)
{
    return suite_ceilings(argc > 1 ? argv[1] : ".") == ST_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
