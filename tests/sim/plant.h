/* Bugs that are put into the engine of this program, one at a time, to see that the judge finds
 * them. They stand between the engine's files (the linker's --wrap); the product has none of it. */
#ifndef TESTS_SIM_PLANT_H
#define TESTS_SIM_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_LOST_SYNC,
    PLANT_ACK_BEFORE_COMMIT,
    PLANT_FAILED_COMMIT_IGNORED,
    PLANT_CURSOR_NOT_STORED,
    PLANT_CURSOR_OF_ALL_EPOCHS,
    PLANT_DOUBLE_FOLD,
    PLANT_EARLY_TRIM,
    PLANT_MERGE_FORGETS,
    PLANT_PURGE_EARLY,
    PLANT_IDS_FORGOTTEN,
    PLANT_DUPLICATE_ACCEPTED,
    PLANT_CLOCK_BELIEVED,
    PLANT_UNDO_MISSING,
    PLANT_FROZEN_UNSEEN,
    PLANTS,
};

extern enum plant plant_now;
extern const char *const plant_names[PLANTS];

#endif
