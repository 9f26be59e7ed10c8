/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/top/meter.h"

int top_meter_read(struct top_meter *meter, struct top_frame *ret_frame)
{
	struct top_sample sample;
	int err;

	top_sample_take(&meter->source, &sample);
	err = top_frame_make(&sample, meter->started ? &meter->last : NULL, ret_frame);
	top_sample_free(&meter->last);
	meter->last = sample;
	meter->started = true;
	return err;
}

void top_meter_close(struct top_meter *meter)
{
	top_sample_free(&meter->last);
	top_source_close(&meter->source);
}
