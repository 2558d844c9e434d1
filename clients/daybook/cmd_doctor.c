/* daybook doctor: does everything add up? */
#include "clients/daybook/command.h"

const struct command cmd_doctor = {.name = "doctor", .summary = "-", .synopsis = "", .help = ""};
