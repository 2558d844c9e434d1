/* The gate's rule in one place: expected = mark + elapsed; a step within [-5 min, +forward] of it
 * is believed. Across a reboot the elapsed time is unknown, so the first step may jump 30 days. */
#include "engine/ingest/clock_gate.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void clock_gate_init(struct clock_gate *g, const struct clock_mark *stored, const struct clock *now,
                     const uint8_t boot_id[16], bool accept)
{
    *g = (struct clock_gate){.forward_ms_max = GATE_FORWARD_MS};
    if (stored == NULL || accept) {
        clock_gate_accept(g, now);
    } else {
        bool same_boot =
            memcmp(stored->boot_id, boot_id, 16) == 0 && stored->boot_ms <= now->boot_ms;

        g->mark = *stored;
        if (!same_boot) {
            g->mark.boot_ms = now->boot_ms;
            g->forward_ms_max = GATE_FORWARD_REBOOT_MS;
        }
    }
    memcpy(g->mark.boot_id, boot_id, 16);
    (void)clock_gate_step(g, now); /* g->tripped says the same */
}

int64_t clock_gate_drift_ms(const struct clock_gate *g, const struct clock *now)
{
    return now->wall_ms - (g->mark.wall_ms + (now->boot_ms - g->mark.boot_ms));
}

void clock_gate_accept(struct clock_gate *g, const struct clock *now)
{
    g->mark.wall_ms = now->wall_ms;
    g->mark.boot_ms = now->boot_ms;
    g->forward_ms_max = GATE_FORWARD_MS;
    g->tripped = false;
}

bool clock_gate_step(struct clock_gate *g, const struct clock *now)
{
    int64_t drift_ms = clock_gate_drift_ms(g, now);

    if (drift_ms >= -GATE_BACK_MS && drift_ms <= g->forward_ms_max) {
        clock_gate_accept(g, now);
    } else if (!g->tripped) {
        g->tripped = true;
        g->tripped_boot_ms = now->boot_ms;
    } else if (now->boot_ms - g->tripped_boot_ms >= GATE_ACCEPT_AFTER_MS) {
        clock_gate_accept(g, now);
    }
    return !g->tripped;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

void boot_id_read(uint8_t out[16])
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
    unsigned digits = 0;

    if (fd >= 0)
        close(fd);
    memset(out, 0, 16);
    for (ssize_t i = 0; i < n && digits < 32; i++) {
        int digit = hex_digit(text[i]);

        if (digit < 0)
            continue;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | digit);
        digits++;
    }
}
